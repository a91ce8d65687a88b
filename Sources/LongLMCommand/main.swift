print("longlm")
