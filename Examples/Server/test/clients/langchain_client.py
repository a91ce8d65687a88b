"""LangChain, by its package langchain-openai."""

import client
import samples
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from samples import City, Weather


@tool(args_schema=Weather)
def get_weather(city: str, days: int) -> str:
    """The weather of a city."""
    return f"{days} days of sun in {city}"


def model(target, **options):
    return ChatOpenAI(base_url=target.base_url, model=target.model, temperature=0, max_retries=0, **options)


def chat(target):
    answer = model(target).invoke(samples.QUESTION)
    assert "Paris" in answer.content and answer.usage_metadata["output_tokens"] > 0, answer


def stream(target):
    whole = model(target).invoke(samples.QUESTION).content
    chunks = list(model(target).stream(samples.QUESTION))
    assert len(chunks) > 3 and "".join(chunk.content for chunk in chunks) == whole, chunks


def structured_output(target):
    # By response_format, which is the default, and by a function's call.
    for method in ["json_schema", "function_calling"]:
        answer = model(target).with_structured_output(City, method=method).invoke(samples.QUESTION)
        assert isinstance(answer, City), answer


def tools(target):
    forced = model(target, max_tokens=64).bind_tools([get_weather], tool_choice="get_weather")
    messages = [HumanMessage("How is the weather in Oslo?")]
    answer = forced.invoke(messages)
    assert [call["name"] for call in answer.tool_calls] == ["get_weather"], answer
    streamed = None
    for chunk in forced.stream(messages):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.tool_calls[0]["args"] == answer.tool_calls[0]["args"], streamed
    # The function's result goes back, and the model may choose what to do.
    messages += [answer, get_weather.invoke(answer.tool_calls[0])]
    last = model(target, max_tokens=64).bind_tools([get_weather]).invoke(messages)
    assert last.content or last.tool_calls or last.invalid_tool_calls, last


def embeddings(target):
    # Otherwise the texts would be cut by OpenAI's own tokenizer, which is fetched from the network.
    api = OpenAIEmbeddings(base_url=target.base_url, model=target.model, check_embedding_ctx_length=False)
    first, second = api.embed_documents(["The cat sleeps.", "Interest rates rise."])
    assert len(first) == len(second) > 100 and first != second
    assert max(abs(a - b) for a, b in zip(api.embed_query("The cat sleeps."), first)) < 1e-6


client.run(chat, stream, structured_output, tools, embeddings)
