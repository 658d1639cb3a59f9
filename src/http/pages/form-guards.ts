/** What every page that takes a form accepts. */
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { errorPage } from './page.ts';

/** Longest form: a few secrets, some of them keys of several kilobytes. */
const maxFormBytes = 64 * 1024;

/** Its own forms and nothing else: no other type of body, and none that is packed. */
export const formsOnly: MiddlewareHandler = async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded' && c.req.header('content-encoding') === undefined) return next();
  return c.html(
    errorPage('That can’t be read', {
      message: 'This page takes its own form and nothing else.',
      hint: 'Fill in the form at the link that your assistant gave you.',
    }),
    415,
  );
};

export const formLimit = bodyLimit({
  maxSize: maxFormBytes,
  onError: (c) =>
    c.html(
      errorPage('That is too long', {
        message: `A form may hold ${maxFormBytes / 1024} KB.`,
        hint: 'Check that you pasted the right thing, go back and try again.',
      }),
      413,
    ),
});
