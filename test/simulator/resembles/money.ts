/** Commerce, contracts, payrolls and books. */
import { ann, type Behaviours, day, plain, plainBasic, rotates } from './behaviour.ts';

export const money: Behaviours = {
  docusign: {
    at: {
      authorize: 'account.docusign.com/oauth/auth',
      token: 'account.docusign.com/oauth/token',
      api: 'GET account.docusign.com/oauth/userinfo',
    },
    api: { body: { email: ann } },
    ...plainBasic,
    lifetime: 28_800,
    refresh: { ...rotates, lasts: 30 * day },
    answer: { scope: 'absent' },
  },
  freshbooks: {
    at: {
      authorize: 'auth.freshbooks.com/oauth/authorize',
      token: 'api.freshbooks.com/auth/oauth/token',
      revoke: 'api.freshbooks.com/auth/oauth/revoke',
      api: 'GET api.freshbooks.com/auth/api/v1/users/me',
    },
    api: { body: { response: { email: ann } } },
    ...plain,
    body: 'json',
    lifetime: 43_200,
    refresh: rotates,
    revocation: {},
    answer: { tokenType: 'bearer' },
  },
  gusto: {
    at: {
      authorize: 'api.gusto.com/oauth/authorize',
      token: 'api.gusto.com/oauth/token',
      api: 'GET api.gusto.com/v1/token_info',
    },
    api: { body: { resource: { uuid: ann } } },
    ...plain,
    lifetime: 7_200,
    refresh: rotates,
    answer: { tokenType: 'bearer', scope: 'absent' },
  },
  harvest: {
    at: {
      authorize: 'id.getharvest.com/oauth2/authorize',
      token: 'id.getharvest.com/api/v2/oauth2/token',
      api: 'GET api.harvestapp.com/v2/users/me',
    },
    api: { body: { email: ann } },
    ...plain,
    lifetime: 1_209_600,
    answer: { tokenType: 'bearer', scope: 'absent' },
  },
  mollie: {
    at: {
      authorize: 'my.mollie.com/oauth2/authorize',
      token: 'api.mollie.com/oauth2/tokens',
      revoke: 'api.mollie.com/oauth2/tokens',
      api: 'GET api.mollie.com/v2/organizations/me',
    },
    api: { body: { name: ann } },
    ...plainBasic,
    revocation: { method: 'DELETE' },
    answer: { tokenType: 'bearer' },
  },
  quickbooks: {
    at: {
      authorize: 'appcenter.intuit.com/connect/oauth2',
      token: 'oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
      revoke: 'developer.api.intuit.com/v2/oauth2/tokens/revoke',
      api: 'GET quickbooks.api.intuit.com/v3/company/4620816365/companyinfo/4620816365',
    },
    api: { body: { CompanyInfo: { CompanyName: ann } } },
    ...plainBasic,
    callback: { realmId: '4620816365' },
    refresh: { ...rotates, lasts: 101 * day },
    revocation: { body: 'json' },
    answer: { tokenType: 'bearer', scope: 'absent', extra: { x_refresh_token_expires_in: 8_726_400 } },
  },
  shopify: {
    at: {
      authorize: 'my-shop.myshopify.com/admin/oauth/authorize',
      token: 'my-shop.myshopify.com/admin/oauth/access_token',
      api: 'POST my-shop.myshopify.com/admin/api/2026-10/graphql.json',
    },
    ...plain,
    body: 'json',
    scopeSeparator: ',',
    exchangeParams: { expiring: '1' },
    refresh: { ...rotates, lasts: 90 * day },
    answer: { scope: 'commas' },
    api: {
      body: { data: { shop: { name: ann } } },
      refusal: { status: 200, body: { errors: [{ message: 'Not authorized' }], data: null } },
      accepts: { header: 'x-shopify-access-token' },
    },
  },
  square: {
    at: {
      authorize: 'connect.squareup.com/oauth2/authorize',
      token: 'connect.squareup.com/oauth2/token',
      api: 'GET connect.squareup.com/v2/merchants/me',
    },
    api: { body: { merchant: { business_name: ann } } },
    ...plain,
    body: 'json',
    lifetime: 2_592_000,
    answer: {
      tokenType: 'bearer',
      scope: 'absent',
      expiresIn: 'absent',
      extra: { expires_at: '2030-01-01T00:00:00Z', merchant_id: 'M1' },
    },
  },
  xero: {
    at: {
      authorize: 'login.xero.com/identity/connect/authorize',
      token: 'identity.xero.com/connect/token',
      revoke: 'identity.xero.com/connect/revocation',
      api: 'GET api.xero.com/connections',
    },
    api: { body: [{ tenantName: ann }] },
    clientAuth: 'raw',
    offlineScope: 'offline_access',
    lifetime: 1_800,
    refresh: { ...rotates, lasts: 60 * day },
  },
};
