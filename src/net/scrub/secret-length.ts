/**
 * A secret of fewer bytes is not looked for in what a service answers: it stands in any text by chance, and taking it
 * out there would tell whoever sends guesses which of them is right.
 */
export const minSecretBytes = 6;
