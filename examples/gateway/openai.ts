import OpenAI from 'openai';

const client = new OpenAI(); // Reads OPENAI_BASE_URL and OPENAI_API_KEY
const messages = [{ role: 'user' as const, content: 'Hello' }];
const answer = await client.chat.completions.create({ model: 'gpt-5', messages });
console.log(answer.choices[0]?.message.content);
