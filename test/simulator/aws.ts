/** A simulated AWS: STS and whatever other service a path names, each checking signatures by itself. */
import type { ServerResponse } from 'node:http';
import { type AwsAccount, awsRefusal } from '../support/servers/aws-signature.ts';
import { type HttpServer, type Seen, startHttpServer } from '../support/servers/http-server.ts';

export type SimulatedAws = HttpServer & {
  /** What its clock shows, in milliseconds besides the right time. */
  clockOffset: number;
  /** An error code that every call is answered with, until it is null. */
  failure: string | null;
};

export const awsArn = 'arn:aws:iam::123456789012:user/Alice';

/**
 * `/<host>/<path>` is that host of AWS: `/dynamodb.us-east-1.amazonaws.com/`.
 *
 * @param account whose key is good
 */
export async function startAws(account: Omit<AwsAccount, 'service' | 'region'>): Promise<SimulatedAws> {
  const aws: SimulatedAws = Object.assign(await startHttpServer(respond), { clockOffset: 0, failure: null });
  return aws;

  function respond({ method, url: target, headers, body }: Seen, response: ServerResponse): void {
    const [, service = '', region] = /^\/([a-z0-9-]+)\.(?:([a-z0-9-]+)\.)?amazonaws\.com\//.exec(target) ?? [];
    const now = Date.now() + aws.clockOffset;
    response.setHeader('date', new Date(now).toUTCString());
    // A global service is signed for where its own region is.
    const scope = { service, region: region ?? 'us-east-1' };
    const refusal = awsRefusal({ method, target, headers, body }, { ...account, ...scope }, now) ?? aws.failure;
    const { searchParams } = new URL(target, 'http://aws');
    const redirect = searchParams.get('redirect');
    if (refusal !== null) answer(response, 403, { Error: { Code: refusal, Type: 'Sender' } });
    else if (service === 'sts') callerIdentity(searchParams, headers.accept, response);
    else if (redirect !== null) answer(response.setHeader('location', redirect), 307, {});
    else answer(response, 200, { target, body, seen: headers });
  }
}

/** STS answers JSON to who accepts it. */
function callerIdentity(asked: URLSearchParams, accept: string | undefined, response: ServerResponse): void {
  const known = asked.get('Action') === 'GetCallerIdentity' && asked.get('Version') === '2011-06-15';
  const GetCallerIdentityResult = { Account: '123456789012', Arn: awsArn, UserId: 'AIDA' };
  if (known && accept === 'application/json')
    answer(response, 200, { GetCallerIdentityResponse: { GetCallerIdentityResult } });
  else answer(response, 400, '<ErrorResponse/>');
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
