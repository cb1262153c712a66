/** Content type of the Prometheus text format, version 0.0.4. */
export const textContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** A number as the text format writes it: shortest form, `NaN`, `+Inf`, `-Inf`. */
export function formatValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  return String(value)
}

/** `name{a="b",c="d"}`, escaped; labels with an empty value are absent, as Prometheus has it. */
export function formatSeries(name: string, labels: readonly (readonly [string, string])[]): string {
  const parts = labels.filter(([, value]) => value !== '').map(([label, value]) => `${label}="${escapeLabelValue(value)}"`)
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`
}

export function formatHead(name: string, kind: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind}\n`
}

function escapeLabelValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
