import { mkdirSync } from 'node:fs'
import { broken, type Fault, testFaults } from './faults.ts'

// What the commands say of their arguments, and of what these name.

testFaults([
  {
    why: 'profile: a CSV that lacks a column',
    spoil: ({ edit }) => edit('data/seattle-training.csv', (text) => text.replace('wind', 'breeze')),
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error data\/seattle-training\.csv lacks the column wind; it has .*breeze/,
    hint: /Add the column, or rename/,
  },
  {
    why: 'profile: a CSV with a word for a number',
    spoil: ({ edit }) => edit('data/seattle-training.csv', (text) => text.replace(/^(.*\n[^,]*,)[^,]*/, '$1much')),
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error data\/seattle-training\.csv, row 1: precipitation /,
    hint: /--skip-invalid/,
  },
  {
    why: 'replay: no gateway',
    args: ['replay', 'data/new-york.csv', '--url', 'http://127.0.0.1:1'],
    code: 1,
    says: /^error no gateway answers at http:\/\/127\.0\.0\.1:1: /,
    hint: /Start the gateway first/,
  },
  {
    why: 'replay: a rate that is no number',
    args: ['replay', 'data/new-york.csv', '--rate', 'fast'],
    code: 2,
    says: /^error --rate: fast is not a number$/,
    hint: /--help/,
  },
  {
    why: 'replay: a rate that nothing could keep',
    args: ['replay', 'data/new-york.csv', '--rate', '1e12'],
    code: 2,
    says: /^error --rate: 1e12 is not above 0 and up to 100000 rows a second$/,
    hint: /--help/,
  },
  {
    why: 'replay: a time longer than a timer waits',
    args: ['replay', 'data/new-york.csv', '--for', '30d'],
    code: 2,
    says: /^error --for: 30d is longer than 24d$/,
    hint: /--help/,
  },
  ...[
    { url: '', says: /^error --url: the address is empty$/ },
    { url: 'foo', says: /^error --url: foo is not an address such as http:/ },
    { url: 'localhost:18000', says: /^error --url: localhost:18000 is not an address such as http:/ },
    { url: 'ftp://host', says: /^error --url: ftp:\/\/host: a gateway speaks http or https, not ftp$/ },
  ].map(({ url, says }): Fault => {
    const args = ['replay', 'data/new-york.csv', '--url', url]
    return { why: `replay: the address "${url}"`, args, code: 2, says, hint: /--help/ }
  }),
  {
    why: 'replay: a folder named as a table',
    spoil: ({ path }) => mkdirSync(path('rows.csv')),
    args: ['replay', 'rows.csv'],
    code: 2,
    says: /^error rows\.csv is a folder, not a file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'profile: a folder named as a table',
    spoil: ({ path }) => mkdirSync(path('rows.parquet')),
    args: ['profile', 'models/weather', '--data', 'rows.parquet'],
    code: 2,
    says: /^error rows\.parquet is a folder, not a file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'profile: a file in place of the model',
    args: ['profile', 'modelwatch.yaml', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error modelwatch\.yaml\/model\.yaml cannot be read: a file stands where a folder must$/,
    hint: /MW_MODEL_PACKAGE/,
  },
  {
    why: 'profile: nowhere to write',
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'nowhere/reference.json'],
    code: 2,
    says: /^error nowhere\/reference\.json cannot be written: the folder nowhere is not there$/,
    hint: /--out.*MW_WRITE_FAILED/,
  },
  {
    why: 'profile: a folder to write to',
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'data'],
    code: 2,
    says: /^error data is a folder$/,
    hint: /MW_WRITE_FAILED/,
  },
  {
    why: 'profile: a model that fails on the rows',
    spoil: (project) => {
      broken('models/weather/model.yaml', 'name: weather, type: category,', 'name: weather, type: category, nullable: true,')(project)
      broken('data/seattle-training.csv', /,(drizzle|fog|rain|snow|sun),/g, ',,')(project)
    },
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error the model failed within the first 1095 rows of data\/seattle-training\.csv: .*Unknown Category/,
    hint: /MW_PROFILE_MODEL_FAILED/,
  },
  {
    why: 'profile: a model that answers nothing',
    spoil: (project) => {
      broken('models/weather/model.yaml', 'name: wind, type: number,', 'name: wind, type: number, nullable: true,')(project)
      project.edit('data/seattle-training.csv', (text) => text.replace(/^(2[^,]*,[^,]*,[^,]*,[^,]*),[^,]*/gm, '$1,'))
    },
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error the model never answers a finite number for temp_max_tomorrow, in 1095 rows of data\/seattle-training\.csv$/,
    hint: /MW_PROFILE_OUTPUT_EMPTY/,
  },
  {
    why: 'export rules: a file in place of the folder',
    args: ['export', 'rules', '--out', 'modelwatch.yaml'],
    code: 2,
    says: /^error modelwatch\.yaml cannot be written: a file stands where a folder must$/,
    hint: /MW_WRITE_FAILED/,
  },
  {
    why: 'monitor: a retention that is no duration',
    args: ['monitor', '--storage.retention.time', 'long'],
    code: 2,
    says: /^error --storage\.retention\.time: long is not a duration such as 6h$/,
    hint: /--help/,
  },
  { why: 'an unknown command', args: ['prfile'], code: 2, says: /^error: unknown command 'prfile'$/, hint: /Did you mean profile\?/ },
  { why: 'an unknown option', args: ['serve', '--port'], code: 2, says: /^error: unknown option '--port'$/, hint: /"modelwatch help"/ },
  { why: 'a missing argument', args: ['replay'], code: 2, says: /^error: missing required argument 'file'$/, hint: /"modelwatch help"/ },
])
