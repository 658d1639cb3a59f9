/** Printed answers in pages: `<!-- answer: name -->` stands before a fenced block that holds what Keyward said. */
import { playConversation } from './conversation.ts';
import { askOverHttp } from './http-answers.ts';
import { typeCommands } from './terminal.ts';

/** Name → what a running Keyward answers, over stdio, over HTTP and in a terminal. */
export async function collectAnswers(): Promise<ReadonlyMap<string, string>> {
  const [told, served, typed] = await Promise.all([playConversation(), askOverHttp(), typeCommands()]);
  return new Map([...told, ...served, ...typed]);
}

const block = /(<!-- answer: ([\w-]+) -->\n```\w*\n)[\s\S]*?(```)/g;

/** The text with each marked block holding its answer. */
export function withAnswers(text: string, answers: ReadonlyMap<string, string>): string {
  return text.replace(block, (_, start: string, name: string, end: string) => {
    const answer = answers.get(name);
    if (answer === undefined) throw new Error(`No conversation has an answer ${name}.`);
    return `${start}${answer}\n${end}`;
  });
}
