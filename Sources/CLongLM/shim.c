// The shim begins with its header.
