/** Two linters, by different people, on a document of the API. */
import type { Ended, Tools } from '../fetch-tool.ts';
import type { Report } from './report.ts';

export const linters = ['@redocly/cli@2.77.0', '@seriousme/openapi-schema-validator@2.11.0'] as const;

/** Nothing is told to its makers, nor asked of them. */
const quiet = { env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } };

/** @param file the document, as JSON */
export async function lint(tools: Tools, file: string, report: Report): Promise<void> {
  const [redocly, seriousme] = await Promise.all([
    tools.run('redocly', ['lint', file, '--format', 'json', '--extends', 'recommended'], quiet),
    tools.run('validate-api', [file]),
  ]);
  report.add('Redocly’s recommended rules on /openapi.json: no error, no warning', redoclyProblems(redocly));
  const { code, text } = seriousme;
  const valid = code === 0 && /"valid": true/.test(text);
  report.add('Seriousme’s validator on /openapi.json', valid ? [] : [text.trim()]);
}

type Problem = {
  readonly ruleId: string;
  readonly severity: string;
  readonly message: string;
  readonly location: readonly { readonly pointer?: string }[];
};

/** What Redocly found; what it prints where it found nothing to read, too. */
function redoclyProblems({ text }: Ended): string[] {
  const json = /^\{[\s\S]*^\}/m.exec(text)?.[0];
  if (json === undefined) return [text.trim()];
  const { problems } = JSON.parse(json) as { problems: readonly Problem[] };
  return problems.map(
    ({ ruleId, severity, message, location }) => `${severity} ${ruleId} at ${location[0]?.pointer ?? ''}: ${message}`,
  );
}
