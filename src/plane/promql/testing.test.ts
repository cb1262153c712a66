import { expect, test } from 'vitest'
import { runScript } from './testing.ts'

const verdicts = async (script: string) => (await runScript(script)).map(({ verdict }) => verdict)
const load = 'load 1m\n  a{x="1"} 1 2 3\n  a{x="2"} 4 _ 5\n  b 0+1x2 _x2 stale 7-2x1\n\n'

test('a script that is right', async () => {
  const script = `${load}eval instant at 2m a
  a{x="1"} 3
  a{x="2"} 5

# A comment ends a block too.
eval range from 0 to 7m step 1m b
  b 0 1 2 2 2 _ 7 5
eval instant at 0 1 + 1
  2
eval instant at 0 "x"
  expect string "x"

eval instant at 2m a[1m]
  expect range vector from 2m to 2m step 1m
  a{x="1"} 3
  a{x="2"} 5

eval instant at 0 nothing

eval_fail instant at 0 foo(
  expected_fail_regexp unclosed.*

eval instant at 0 1 +
  expect fail regex: unexpected end

eval instant at 0 quantile(2, b)
  expect warn msg: PromQL warning: quantile value should be between 0 and 1, got 2
  expect no_info
  {} +Inf

eval_ordered instant at 2m sort_desc(a)
  a{x="2"} 5
  a{x="1"} 3

clear
eval instant at 2m a
`
  expect(await verdicts(script)).toEqual(Array(11).fill('right'))
})

// Each of these must be found out.
test.for([
  { why: 'another value', script: 'eval instant at 2m a{x="1"}\n  a{x="1"} 4' },
  { why: 'a series too many', script: 'eval instant at 2m a\n  a{x="1"} 3' },
  { why: 'a series missing', script: 'eval instant at 2m a{x="1"}\n  a{x="1"} 3\n  a{x="2"} 5' },
  { why: 'other labels', script: 'eval instant at 2m a{x="1"}\n  a{x="1", y="2"} 3' },
  { why: 'a point missing', script: 'eval range from 0 to 2m step 1m b\n  b 0 1' },
  { why: 'a point too many', script: 'eval range from 0 to 1m step 1m b\n  b 0 1 2' },
  { why: 'another order', script: 'eval instant at 2m sort(a)\n  expect ordered\n  a{x="2"} 5\n  a{x="1"} 3' },
  { why: 'an error where none is expected', script: 'eval instant at 0 1 +\n  1' },
  { why: 'no error', script: 'eval instant at 0 a\n  expect fail' },
  { why: 'another error', script: 'eval instant at 0 1 +\n  expect fail msg: unclosed left parenthesis' },
  { why: 'no annotation', script: 'eval instant at 0 b\n  expect warn\n  b 0' },
  { why: 'another annotation', script: 'eval instant at 0 quantile(2, b)\n  expect warn msg: got 3\n  {} +Inf' },
  { why: 'an annotation', script: 'eval instant at 0 quantile(2, b)\n  expect no_warn\n  {} +Inf' },
  { why: 'another string', script: 'eval instant at 0 "x"\n  expect string "y"' },
  { why: 'another scalar', script: 'eval instant at 0 1 + 1\n  3' },
  { why: 'a scalar for a vector', script: 'eval instant at 0 vector(1)\n  1' },
])('finds out $why', async ({ script }) => expect(await verdicts(load + script)).toEqual(['wrong']))

test.for(['eval sometime 1', 'load 1m\n  a 1 x'])('cannot read %j', async (script) => {
  await expect(runScript(script)).rejects.toThrow(/not a/)
})
