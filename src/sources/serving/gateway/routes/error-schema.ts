/** How a refusal is answered, for the OpenAPI page. */
export const errorSchema = {
  type: 'object',
  properties: {
    code: { type: 'string' },
    error: { type: 'string' },
    hint: { type: 'string' },
    detail: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          loc: { type: 'array', items: { type: ['string', 'integer'] } },
          msg: { type: 'string' },
          type: { type: 'string' },
          row: { type: 'integer' },
          field: { type: 'string' },
        },
      },
    },
  },
} as const
