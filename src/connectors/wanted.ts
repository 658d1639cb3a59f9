/** What most people look for, first to last: decides between connectors that match a request equally well. For searching alone. */
export const wanted: readonly string[] =
  `github slack notion gmail linear jira hubspot google-calendar google-docs confluence discord dropbox google-drive
  google-sheets linkedin gitlab outlook zoom google-analytics aws sentry resend stripe attio asana spotify monday figma
  mailchimp airtable salesforce microsoft-teams x supabase one-drive calendly cloudflare reddit perplexity shopify datadog
  okta twilio zoho-crm trello clickup todoist vercel close youtube exa telegram pagerduty miro intercom zendesk quickbooks
  sendgrid openai anthropic`.split(/\s+/);
