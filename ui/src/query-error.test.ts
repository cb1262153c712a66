import { expect, test } from 'vitest'
import { parseQueryError, placeOf } from './query-error.ts'

test.for([
  { message: 'invalid parameter "query": 1:7: parse error: unexpected "}"', want: { line: 1, column: 7, reason: 'Unexpected "}".' } },
  { message: '2:1: parse error: unclosed left parenthesis', want: { line: 2, column: 1, reason: 'Unclosed left parenthesis.' } },
  {
    message: '1:3: function info() is not supported by this version.',
    want: { line: 1, column: 3, reason: 'Function info() is not supported by this version.' },
  },
  {
    message: 'query timed out in expression evaluation',
    want: { line: undefined, column: undefined, reason: 'Query timed out in expression evaluation.' },
  },
])('$message', ({ message, want }) => expect(parseQueryError(message)).toEqual(want))

test.for([
  { expr: 'sum({}}', line: 1, column: 7, want: { before: 'sum({}', after: '}' } },
  { expr: 'a +\nb c', line: 2, column: 3, want: { before: 'b ', after: 'c' } },
  { expr: 'a', line: 1, column: 2, want: { before: 'a', after: '' } }, // The end of the text.
  { expr: 'a', line: 3, column: 1, want: undefined },
  { expr: 'a', line: 1, column: 9, want: undefined },
  { expr: 'a', line: undefined, column: undefined, want: undefined },
])('place $line:$column in "$expr"', ({ expr, line, column, want }) => expect(placeOf(expr, { reason: '', line, column })).toEqual(want))
