import { expect, test } from 'vitest'
import { compileTemplate } from './template.ts'

const data = { labels: { model: 'weather', a_b: 'x' }, externalLabels: { region: 'eu' }, value: 1234567.891 }

test.for([
  ['plain text', 'plain text'],
  ['{{ $labels.model }} and {{ .Labels.a_b }}', 'weather and x'],
  ['{{ $labels.missing }}|', '|'],
  ['{{ $externalLabels.region }}', 'eu'],
  ['{{ $value }}', '1.234567891e+06'],
  ['{{ .Value | humanize }}', '1.235M'],
  ['{{ humanize1024 $value }}B', '1.177MiB'],
  ['{{ $value | printf "%.2f" }}', '1234567.89'],
  ['{{ printf "%s is %g, %d %%" $labels.model 0.5 3 }}', 'weather is 0.5, 3 %'],
  ['{{ printf "%d" $value }}', '%!d(float64=1.234567891e+06)'],
  ['{{ printf "[%6.1f|%-4s|%05d|%+g]" 2.25 "ab" 42 1.5 }}', '[   2.2|ab  |00042|+1.5]'],
  ['{{ printf "%s" }}', '%!s(MISSING)'],
  ['{{ printf "%q" "a\\"b" }}', '"a\\"b"'],
  ['{{ $labels.model | toUpper | printf "<%s>" }}', '<WEATHER>'],
  ['{{ title "a new model" }}', 'A New Model'],
  ['{{ toLower (printf "%s" "ABC") }}', 'abc'],
  ['a {{- " b " -}} c', 'a b c'],
  ['{{/* nothing */}}x', 'x'],
  ['{{ "}}" }}', '}}'],
  ['{{ `raw \\n` }}', 'raw \\n'],
  ['{{ $labels }}', 'map[a_b:x model:weather]'],
  ['{{ "x" | humanize }}', '<error expanding template: "x" is not a number>'],
] as const)('%s', ([source, want]) => expect(compileTemplate(source)(data)).toBe(want))

test.for([
  ['humanize', 0, '0'],
  ['humanize', 999.95, '1000'],
  ['humanize', 0.00012, '120u'],
  ['humanize', -1500, '-1.5k'],
  ['humanize', Number.NaN, 'NaN'],
  ['humanize1024', 1024, '1ki'],
  ['humanizePercentage', 0.123456, '12.35%'],
  ['humanizeDuration', 0, '0s'],
  ['humanizeDuration', 0.0123, '12.3ms'],
  ['humanizeDuration', 1.5, '1.5s'],
  ['humanizeDuration', 61, '1m 1s'],
  ['humanizeDuration', 3661, '1h 1m 1s'],
  ['humanizeDuration', -90061, '-1d 1h 1m 1s'],
  ['humanizeTimestamp', 1435065584.128, '2015-06-23 13:19:44.128 +0000 UTC'],
] as const)('%s of %s is %s', ([name, value, want]) => expect(compileTemplate(`{{ $value | ${name} }}`)({ ...data, value })).toBe(want))

test.for([
  ['{{ if $value }}x{{ end }}', '"if"'],
  ['{{ range query "up" }}{{ end }}', '"range"'],
  ['{{ query "up" }}', '"query"'],
  ['{{ $x := 3 }}', '"$x"'],
  ['{{ .Foo }}', '".Foo"'],
  ['{{ $value.x }}', '"$value.x"'],
  ['{{ $labels.a', '{{ without }}'],
  ['{{ }}', 'a value is missing'],
  ['{{ $value | "x" }}', 'a function must follow |'],
  ['{{ (humanize $value }}', '( without )'],
  ['{{ $value $value }}', 'not a function'],
] as const)('%s is refused', ([source, want]) => {
  expect(() => compileTemplate(source)).toThrow(
    expect.objectContaining({ code: 'MW_RULE_TEMPLATE', message: expect.stringContaining(want) }),
  )
})
