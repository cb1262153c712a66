/** What a writer says: that it is open, and what it was promised. */
export type QueueMessage =
  | { readonly kind: 'opened' }
  | { readonly kind: 'accepted'; readonly id: string }
  | { readonly kind: 'stored'; readonly id: string; readonly result: string }
