/** Acts and outcomes of the audit log, as a person reads them. */

/** What was done, or would have been; an act that is not here is shown by its name. */
export const actWords: Readonly<Record<string, string>> = {
  'credential.call': 'Call to a service',
  'credential.release': 'Secret read',
  'credential.create': 'Connected',
  'credential.reconnect': 'Connected again',
  'credential.revert': 'Brought back what it had before',
  'credential.refresh': 'Access renewed',
  'credential.verify': 'Verified',
  'credential.update': 'Connection changed',
  'credential.share': 'Sharing changed',
  'credential.end': 'Access ended',
  'credential.delete': 'Connection deleted',
  'attempt.start': 'Connecting begun',
  'attempt.agree': 'Connecting agreed to',
  'attempt.cancel': 'Connecting cancelled',
  'attempt.read': 'Connect page opened',
  'approval.ask': 'Your approval asked for',
  'approval.approve': 'Approved',
  'approval.deny': 'Not approved, or ended',
  'offer.take': 'Offer accepted',
  'offer.decline': 'Offer declined',
  'assistant.create': 'Assistant let in',
  'assistant.end': 'Assistant ended',
  'session.create': 'Session token made',
  'session.revoke': 'Session token ended',
  sign_in: 'Signed in',
  'sign_in_code.create': 'Sign-in code made',
  'passkey.add': 'Passkey added',
  'passkey.copied': 'Passkey may have been copied',
  'auth_config.create': 'OAuth client added',
  'auth_config.update': 'OAuth client changed',
  'auth_config.delete': 'OAuth client deleted',
  'server.discover': 'Server looked up',
  'server.register': 'Registered at a server',
  'everything.end': 'Everything ended',
};

/** Why something was refused, where a person has to do with it; any other reason is shown by its code. */
export const reasonWords: Readonly<Record<string, string>> = {
  approval_required: 'it needs your approval',
  approval_denied: 'you did not allow it',
  release_refused: 'secrets are not handed out here',
  insufficient_scope: 'the program may not do that',
  reconnect_required: 'it has to be connected again',
  rate_limited: 'too many at once',
  link_reused: 'another browser had opened the link before',
};

export const outcomeWords = { allowed: 'Allowed', refused: 'Refused', failed: 'Failed' } as const;
