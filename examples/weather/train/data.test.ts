import { expect, test } from 'vitest'
import { parseWeatherDays, splitDays, toCsv } from './data.ts'

const header = 'location,date,precipitation,temp_max,temp_min,wind,weather'
const days = [
  'Seattle,2012-02-29,0.0,12.0,5.0,4.7,sun',
  'New York,2012-02-28,0.0,1.0,0.0,1.0,snow',
  'Seattle,2012-02-28,10.9,10.5,2.8,4.5,rain', // Out of order: sorted by date.
  'Seattle,2012-03-02,0.0,14.0,5.0,4.7,sun', // 1 March is missing, so nobody knows what came of 29 February.
  'Seattle,2012-03-03,0.0,15.0,5.0,4.7,sun',
]

test('tomorrow is the next calendar day of the same place', () => {
  expect(toCsv(parseWeatherDays([header, ...days].join('\n'), 'Seattle'))).toBe(
    [
      'date,precipitation,temp_max,temp_min,wind,weather,day_of_year,temp_max_tomorrow',
      '2012-02-28,10.9,10.5,2.8,4.5,rain,59,12',
      '2012-03-02,0,14,5,4.7,sun,62,15', // 31 + 29 + 2 in a leap year.
      '',
    ].join('\n'),
  )
})

test.for([
  { why: 'another column order', csv: 'date,location\n2012-01-01,Seattle', error: /other columns/ },
  { why: 'an empty number', csv: `${header}\nSeattle,2012-01-01,,1,1,1,sun`, error: /2012-01-01: not a number/ },
  { why: 'a missing number', csv: `${header}\nSeattle,2012-01-01,1,1`, error: /not a number: undefined/ },
  { why: 'a word for a number', csv: `${header}\nSeattle,2012-01-01,wet,1,1,1,sun`, error: /not a number: wet/ },
  { why: 'no date', csv: `${header}\nSeattle,2012/01/01,1,1,1,1,sun`, error: /not a date/ },
])('$why is refused', ({ csv, error }) => {
  expect(() => parseWeatherDays(csv, 'Seattle')).toThrow(error)
})

test('a split keeps each day once, keeps the order, and depends on the seed alone', () => {
  const all = Array.from({ length: 101 }, (_, i) => ({
    date: new Date(Date.UTC(2012, 0, 1 + i)).toISOString().slice(0, 10),
    precipitation: 0,
    temp_max: i,
    temp_min: 0,
    wind: 0,
    weather: 'sun',
    day_of_year: i + 1,
    temp_max_tomorrow: i + 1,
  }))
  const { training, heldOut } = splitDays(all, { share: 0.75, seed: 1 })
  expect([training.length, heldOut.length]).toEqual([76, 25]) // 75.75 rounds up.
  expect([...training, ...heldOut].sort((a, b) => a.temp_max - b.temp_max)).toEqual(all)
  for (const part of [training, heldOut]) expect(part).toEqual([...part].sort((a, b) => a.temp_max - b.temp_max))
  expect(splitDays(all, { share: 0.75, seed: 1 })).toEqual({ training, heldOut })
  expect(splitDays(all, { share: 0.75, seed: 2 })).not.toEqual({ training, heldOut })
})
