import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic(); // Reads ANTHROPIC_BASE_URL and ANTHROPIC_AUTH_TOKEN
const messages = [{ role: 'user' as const, content: 'Hello' }];
const answer = await client.messages.create({ model: 'claude-sonnet-4-5', max_tokens: 100, messages });
console.log(answer.content[0]?.type === 'text' && answer.content[0].text);
