/**
 * Every command but `stdio`, loaded together when one of them is called: for each module that is loaded by itself the
 * bundle is cut into more files, and `stdio` would have to read them all.
 */
export * as approvals from './approvals.ts';
export * as audit from './audit.ts';
export * as authConfig from './auth-config.ts';
export * as http from './http.ts';
export * as key from './key.ts';
export * as migrate from './migrate.ts';
export * as move from './move.ts';
export * as signIn from './sign-in.ts';
export * as status from './status.ts';
export * as token from './token.ts';
