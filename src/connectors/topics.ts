/** What people call the kind of service that they look for: category → words beside its own. For searching alone. */
export const topics: Readonly<Record<string, string>> = {
  ai: 'artificial intelligence llm language models machine learning embeddings speech images',
  analytics: 'statistics metrics dashboards reports events bi traffic',
  cloud: 'hosting servers deployment deploy infrastructure',
  commerce: 'ecommerce e-commerce online store shop shopping orders payments billing subscriptions',
  communication:
    'send messaging messages message text sms email mail chat calls video conferencing meetings notifications',
  crm: 'customers relationship sales leads contacts pipeline deals',
  data: 'databases database sql warehouse tables datasets lookup',
  'developer-tools': 'development coding code git repository repositories repos build ci cd',
  documents: 'docs files notes wiki knowledge pages cms forms spreadsheets',
  finance: 'accounting invoicing invoices billing payments banking bank money bookkeeping',
  hr: 'human resources employees people recruiting hiring payroll',
  marketing: 'newsletters newsletter campaigns ads audience surveys forms',
  media: 'video videos music audio streaming',
  monitoring: 'logs logging metrics alerts alerting incidents incident observability errors error tracking on-call',
  productivity: 'calendar scheduling appointments tasks todo notes time tracking',
  'project-management': 'issues issue tracker tracking bugs bug tickets ticket tasks todo kanban boards projects',
  security: 'identity sso login users directory vulnerabilities',
  social: 'social network networks media posts',
  storage: 'files file sharing drive folders',
  support: 'helpdesk help desk tickets ticket ticketing customer service',
};
