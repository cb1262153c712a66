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

/** A refusal on the OpenAPI page. */
export const refusal = (description: string) => ({ description, ...errorSchema })

/** How every body can be refused, whatever it is to say. */
export const bodyRefusals = {
  413: refusal('The body is too large.'),
  415: refusal('The body is of another type, charset or encoding than can be read.'),
}
