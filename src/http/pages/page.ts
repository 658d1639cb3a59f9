/** The shell of every page: one language, one heading, one stylesheet, and what every page says at its foot. */
import { html, raw } from 'hono/html';
import { oneLine } from '../../broker/input/text.ts';
import type { PublicError } from '../../errors.ts';
import { keywardMark } from './keyward-mark.ts';
import { script } from './script.ts';
import { style } from './style.ts';

/** Text that is already HTML. Everything else is escaped when it is put into a template. */
export type Html = ReturnType<typeof html>;

export type PageParts = {
  /** Plain text, for the tab and the browser's history. */
  readonly title: string;
  /** Content of `<main>`; holds the one `<h1>`. */
  readonly body: Html;
  /** The way to the person's other pages; the page is wider with it. */
  readonly navigation?: Html;
  /** Plain text at the foot. */
  readonly foot?: string;
  /** A waiting page: the step it shows. It is left once the attempt is at another one. */
  readonly wait?: string;
  /** Also reload a waiting page every few seconds where scripts are off. */
  readonly reload?: boolean;
  /** Address of Keyward's own that the browser goes on to by itself. */
  readonly goTo?: string;
};

const product = 'Keyward';

/** A whole document. */
export function page({ title, body, navigation, foot, wait, reload, goTo }: PageParts): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title === product ? product : `${title} · ${product}`}</title>
<link rel="icon" href="${favicon}">
<style>${raw(style)}</style>
${goTo === undefined ? '' : html`<meta http-equiv="refresh" content="0;url=${goTo}">`}
${reload === true ? html`<noscript><meta http-equiv="refresh" content="3"></noscript>` : ''}
</head>
<body${wait === undefined ? '' : html` data-wait="${wait}"`}>
<div class="frame${navigation === undefined ? '' : ' wide'}">
<header><div class="brand">${raw(keywardMark)}<span>Keyward</span></div>${navigation ?? ''}</header>
<main>
${body}
</main>
${foot === undefined ? '' : html`<footer><p>${foot}</p></footer>`}
</div>
<script type="module">${raw(script)}</script>
</body>
</html>`;
}

/**
 * A page about something that did not work: what happened, and what to do now.
 *
 * @param signInTo offers to sign in, and goes on to this path
 */
export function errorPage(title: string, error: Pick<PublicError, 'message' | 'hint'>, signInTo?: string): Html {
  return page({
    title,
    body: html`<div class="badge bad">${icons.cross}</div>
<h1>${title}</h1>
<p>${error.message}</p>
${error.hint === undefined ? '' : html`<p>${error.hint}</p>`}
${signInTo === undefined ? '' : html`<p><a href="${signInLink(signInTo)}">Sign in</a></p>`}`,
  });
}

/** Longest text of others on a page, in characters; addresses are the longest. */
const maxData = 2_000;

/** What somebody chose or a service said, as one line and set apart: it must not pass for words of the page. */
export function data(text: string): Html {
  return html`<bdi class="data">${oneLine(text, maxData) ?? 'nothing'}</bdi>`;
}

/** How long something is open, in words. */
export function minutesLeft(milliseconds: number): string {
  const minutes = Math.ceil(milliseconds / 60_000);
  return minutes <= 1 ? 'less than a minute' : `another ${minutes} minutes`;
}

/** The sign-in page, which goes on to this path of Keyward's where it knows it. */
function signInLink(to: string): string {
  return `/sign-in?${new URLSearchParams({ to })}`;
}

function icon(shapes: string): Html {
  return raw(
    `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${shapes}</svg>`,
  );
}

/** For the tab, within the page: nothing else is asked for. */
const favicon = `data:image/svg+xml,${encodeURIComponent(keywardMark)}`;

/** Drawings that say nothing the text does not say. */
export const icons = {
  check: icon('<path d="m5 12.5 4.5 4.5L19 7.5"/>'),
  cross: icon('<path d="M7 7l10 10M17 7 7 17"/>'),
  clock: icon('<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>'),
};
