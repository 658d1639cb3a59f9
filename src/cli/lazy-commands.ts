/**
 * Every command but `stdio`, loaded together when one of them is called: for each module that is loaded by itself the
 * bundle is cut into more files, and `stdio` would have to read them all.
 */
export * as approvals from './commands/approvals.ts';
export * as audit from './commands/audit.ts';
export * as authConfig from './commands/auth-config.ts';
export * as move from './commands/backup.ts';
export * as call from './commands/call.ts';
export * as client from './commands/client-metadata.ts';
export * as completion from './commands/completion.ts';
export * as connect from './commands/connect.ts';
export * as doctor from './commands/doctor.ts';
export * as gitCredential from './commands/git-credential.ts';
export * as handOut from './commands/hand-out.ts';
export * as http from './commands/http.ts';
export * as importing from './commands/import.ts';
export * as key from './commands/key.ts';
export * as list from './commands/list.ts';
export * as manage from './commands/manage.ts';
export * as migrate from './commands/migrate.ts';
export * as panic from './commands/panic.ts';
export * as run from './commands/run.ts';
export * as setup from './commands/setup.ts';
export * as signIn from './commands/sign-in.ts';
export * as status from './commands/status.ts';
export * as token from './commands/token.ts';
export * as verify from './commands/verify.ts';
