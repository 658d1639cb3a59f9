import asyncio
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

url = os.environ.get("MCP_URL", "http://127.0.0.1:7355/mcp")
headers = {"Authorization": f"Bearer {os.environ['MCP_TOKEN']}"}


async def main():
    async with httpx2.AsyncClient(headers=headers) as http:
        async with Client(streamable_http_client(url, http_client=http)) as keyward:
            tools = (await keyward.list_tools()).tools
            answer = await keyward.call_tool("list_credentials", {})
            print(len(tools), "tools;", answer.content[0].text)


asyncio.run(main())
