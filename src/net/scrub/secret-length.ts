/**
 * A secret of fewer bytes is not looked for in what a service answers: it stands in any text by chance, and taking it
 * out there would tell whoever sends guesses which of them is right.
 */
export const minSecretBytes = 6;

/**
 * Longest secret that somebody enters, in bytes: what it takes to look for one grows with its length. The whole key file
 * of a Google service account has some 2,400, a private RSA key of 4,096 bits 3,300, an AWS session token up to 4,096.
 */
export const maxSecretBytes = 8_192;

/**
 * Longest token that an authorization server may issue, in bytes. Google says up to 12,288 for a federated access token
 * (https://docs.cloud.google.com/iam/docs/reference/cloudoauth/rest/v1/ExchangeTokenResponse), and 200 groups, the most
 * that Microsoft Entra puts into a token, take some 10,000. Few servers read a header of more than 16 KiB.
 */
export const maxTokenBytes = 16_384;
