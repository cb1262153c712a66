/**
 * The token of a claim. It says where its task stands, so that whoever completes it needs no look at it before.
 * @param claim - Unique to this claim, in the queue and for ever.
 */
export const toToken = (claim: string, seq: number): string => `${claim}-${seq}`

/** NaN for a token that was never one of ours, which no row has. */
export const seqOf = (token: string): number => Number(token.slice(token.lastIndexOf('-') + 1))
