/** What the token of a claim is, in SQL: unique to the claim that `?` names, and it says where the task stands, so that who completes it need not look. */
export const TOKEN = "? || '-' || seq"

/** Where the task of a token stands; NaN, which no row has, for a token that was never one of ours. */
export const seqOf = (token: string): number => Number(token.slice(token.lastIndexOf('-') + 1))
