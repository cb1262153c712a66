import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createRandom, shuffled } from '../../../src/core/random.ts'

/** One day and what came of it. Keys are the columns of the CSV files, and the input names of the model. */
export interface WeatherDay {
  /** Calendar day, `YYYY-MM-DD`. */
  readonly date: string
  /** mm. */
  readonly precipitation: number
  /** °C. */
  readonly temp_max: number
  /** °C. */
  readonly temp_min: number
  /** m/s. */
  readonly wind: number
  readonly weather: string
  /** 1 to 366. */
  readonly day_of_year: number
  /** °C, the next day: what the model predicts. */
  readonly temp_max_tomorrow: number
}

const columns = ['date', 'precipitation', 'temp_max', 'temp_min', 'wind', 'weather', 'day_of_year', 'temp_max_tomorrow'] as const
const sourceColumns = 'location,date,precipitation,temp_max,temp_min,wind,weather'
const MS_PER_DAY = 86_400_000

/** Text of the data set as the npm package `vega-datasets` ships it: daily weather of Seattle and New York, 2012 to 2015. */
export function readWeatherSource(): string {
  // The package exports its code alone, so the data is found beside it.
  const entry = createRequire(import.meta.url).resolve('vega-datasets')
  return readFileSync(join(dirname(entry), '../data/weather.csv'), 'utf8')
}

/**
 * The days of one place in date order, each with the highest temperature of the day after.
 * A day whose next calendar day is missing is left out: nobody knows what came of it.
 *
 * @param csv - The data set, with the header `location,date,precipitation,temp_max,temp_min,wind,weather`.
 * @throws {AssertionError} if the header or a field is not what this script was written for.
 */
export function parseWeatherDays(csv: string, location: string): WeatherDay[] {
  const [header, ...lines] = csv.trim().split(/\r?\n/)
  assert.equal(header, sourceColumns, 'the data set has other columns')
  const days = lines
    .map((line) => line.split(','))
    .filter(([place]) => place === location)
    .map(([, date = '', precipitation, temp_max, temp_min, wind, weather = '']) => ({
      date,
      precipitation: parseNumber(precipitation, date),
      temp_max: parseNumber(temp_max, date),
      temp_min: parseNumber(temp_min, date),
      wind: parseNumber(wind, date),
      weather,
      day_of_year: dayOfYear(date),
    }))
    .sort((a, b) => Date.parse(a.date) - Date.parse(b.date))
  return days.flatMap((today, i) => {
    const next = days[i + 1]
    if (next === undefined || Date.parse(next.date) - Date.parse(today.date) !== MS_PER_DAY) return []
    return [{ ...today, temp_max_tomorrow: next.temp_max }]
  })
}

/**
 * Draws a share of the days at random for training and holds out the rest. Both keep the order of `days`.
 *
 * @param share - Ratio in (0, 1) of the days that go into training; rounded to whole days.
 */
export function splitDays(days: readonly WeatherDay[], options: { share: number; seed: number }) {
  const drawn = new Set(shuffled(days, createRandom(options.seed)).slice(0, Math.round(days.length * options.share)))
  return { training: days.filter((day) => drawn.has(day)), heldOut: days.filter((day) => !drawn.has(day)) }
}

/** The days as CSV with a header; no field of this data needs quoting. */
export function toCsv(days: readonly WeatherDay[]): string {
  return `${[columns.join(','), ...days.map((day) => columns.map((column) => day[column]).join(','))].join('\n')}\n`
}

function parseNumber(text: string | undefined, date: string): number {
  assert.ok(text !== undefined && text !== '' && Number.isFinite(Number(text)), `${date}: not a number: ${text}`)
  return Number(text)
}

function dayOfYear(date: string): number {
  assert.match(date, /^\d{4}-\d\d-\d\d$/, `not a date: ${date}`)
  return 1 + (Date.parse(date) - Date.parse(`${date.slice(0, 4)}-01-01`)) / MS_PER_DAY
}
