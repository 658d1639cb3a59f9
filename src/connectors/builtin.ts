/** Every built-in definition. Written by scripts/connectors.ts from the files of catalogue/. */
import airtable from './catalogue/airtable.json' with { type: 'json' };
import anthropic from './catalogue/anthropic.json' with { type: 'json' };
import asana from './catalogue/asana.json' with { type: 'json' };
import discord from './catalogue/discord.json' with { type: 'json' };
import dropbox from './catalogue/dropbox.json' with { type: 'json' };
import figma from './catalogue/figma.json' with { type: 'json' };
import github from './catalogue/github.json' with { type: 'json' };
import gitlab from './catalogue/gitlab.json' with { type: 'json' };
import gmail from './catalogue/gmail.json' with { type: 'json' };
import googleCalendar from './catalogue/google-calendar.json' with { type: 'json' };
import googleDrive from './catalogue/google-drive.json' with { type: 'json' };
import hubspot from './catalogue/hubspot.json' with { type: 'json' };
import jira from './catalogue/jira.json' with { type: 'json' };
import linear from './catalogue/linear.json' with { type: 'json' };
import notion from './catalogue/notion.json' with { type: 'json' };
import openai from './catalogue/openai.json' with { type: 'json' };
import salesforce from './catalogue/salesforce.json' with { type: 'json' };
import shopify from './catalogue/shopify.json' with { type: 'json' };
import slack from './catalogue/slack.json' with { type: 'json' };
import stripe from './catalogue/stripe.json' with { type: 'json' };
import type { ConnectorFile } from './definition.ts';

/** Checked by tests, so that no start pays for it. */
export const builtin = [
  airtable,
  anthropic,
  asana,
  discord,
  dropbox,
  figma,
  github,
  gitlab,
  gmail,
  googleCalendar,
  googleDrive,
  hubspot,
  jira,
  linear,
  notion,
  openai,
  salesforce,
  shopify,
  slack,
  stripe,
] as unknown as readonly ConnectorFile[];
