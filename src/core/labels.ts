/**
 * The labels of one series, sorted by name, each name once, no empty value (an empty label is an absent one).
 * The metric's name is the label `__name__`.
 */
export type Labels = readonly (readonly [name: string, value: string])[]

export const METRIC_NAME = '__name__'

/** Sorts, drops empty values, and lets the last of a repeated name win. */
export function toLabels(record: Readonly<Record<string, string>>): Labels {
  return Object.entries(record)
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

export function fromLabels(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels)
}

/** The value of a label, '' when it is absent, as PromQL sees it. */
export function labelValue(labels: Labels, name: string): string {
  for (const [n, value] of labels) if (n === name) return value
  return ''
}

/** A string that two label sets share exactly when they are equal. Lengths stand before the texts, so no text can imitate another split. */
export function labelsKey(labels: Labels): string {
  let key = ''
  for (const [name, value] of labels) key += `${name.length}:${name}=${value.length}:${value},`
  return key
}

/** The order in which Prometheus lists series: by name, then value, label by label. */
export function compareLabels(a: Labels, b: Labels): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const [nameA, valueA] = a[i]!
    const [nameB, valueB] = b[i]!
    if (nameA !== nameB) return nameA < nameB ? -1 : 1
    if (valueA !== valueB) return valueA < valueB ? -1 : 1
  }
  return a.length - b.length
}

/** Labels as PromQL prints them: `name{a="b"}`. */
export function formatLabels(labels: Labels): string {
  const name = labelValue(labels, METRIC_NAME)
  const rest = labels.filter(([n]) => n !== METRIC_NAME).map(([n, v]) => `${n}=${JSON.stringify(v)}`)
  return rest.length === 0 && name !== '' ? name : `${name}{${rest.join(', ')}}`
}
