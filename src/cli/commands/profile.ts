import type { Command } from 'commander'
import type { Reference } from '../../app/profile.ts'
import { progressBar, StatusLine } from '../output.ts'
import { usageErrors } from '../usage.ts'

interface Options {
  readonly data: string
  readonly revision?: string
  readonly out?: string
  readonly bins: string
  readonly skipInvalid?: boolean
}

export function addProfileCommand(program: Command): void {
  program
    .command('profile')
    .summary('make the reference profile of a model from its training data')
    .description(
      'Reads the rows a model was trained on, lets it predict them, and writes reference.json: for each input and output the bins and how many rows fell into each. Served values are judged against it. A column named as an output holds the truth, and gives the baseline quality.',
    )
    .argument('<model-dir>', "the model's folder, with model.yaml and revisions/")
    .requiredOption('--data <file>', 'training rows, CSV or Parquet; columns bear the names of the features')
    .option('--revision <name>', 'revision to profile; the newest when left out')
    .option('--out <file>', "where to write; reference.json in the revision's folder when left out")
    .option('--bins <number>', 'most bins of a number', '10')
    .option('--skip-invalid', 'leave out rows that break the schema, and say how many, in place of refusing the file')
    .addHelpText(
      'after',
      '\nExample:\n  modelwatch profile examples/weather/models/weather --data examples/weather/data/seattle-training.csv',
    )
    .action(async (modelDir: string, options: Options) => {
      const binsMax = Number(options.bins)
      if (!Number.isInteger(binsMax) || binsMax < 1 || binsMax > 200)
        throw usageErrors.MW_USAGE(`--bins: ${options.bins} is not a whole number from 1 to 200`)
      const { profileModel } = await import('../../app/profile.ts')
      const status = new StatusLine()
      const { reference, out, skipped } = await profileModel({
        modelDir,
        revision: options.revision,
        dataFile: options.data,
        out: options.out,
        binsMax,
        skipInvalid: options.skipInvalid === true,
        onProgress: (share, rows) => status.update(`  ${progressBar(share)}  ${rows} rows`),
      })
      status.end()
      if (skipped > 0) status.print(`${skipped} rows broke the schema and were left out`)
      for (const line of describeReference(reference)) status.print(line)
      status.print(`wrote ${out}: ${reference.rows} rows of ${reference.source.file}`)
    })
}

/** A line for each value: its bins, its range, and what was odd about it. */
export function describeReference(reference: Reference): string[] {
  const width = Math.max(...reference.values.map(({ name }) => name.length))
  const values = reference.values.map((value) => {
    const odd = Object.entries(value.special).filter(([, rows]) => rows > 0)
    return `  ${value.role.padEnd(6)} ${value.name.padEnd(width)}  ${rangeOf(value)}${odd.map(([bin, rows]) => `, ${rows} ${bin}`).join('')}`
  })
  const baseline = reference.baseline.map(
    ({ name, rmse, mae, bias }) => `  baseline of ${name}: RMSE ${rmse.toFixed(3)}, MAE ${mae.toFixed(3)}, bias ${bias.toFixed(3)}`,
  )
  return [...values, ...baseline]
}

/** What its regular bins span; the bin that an empty value has for form's sake is not told as if it held something. */
function rangeOf(value: Reference['values'][number]): string {
  if (value.rows.every((rows) => rows === 0) && (value.kind === 'number' || value.special.other === 0)) return 'no values'
  if (value.kind === 'number') {
    return `${value.rows.length} bins from ${value.edges[0]} to ${value.edges.at(-1)}, mean ${value.mean?.toPrecision(4) ?? '–'}`
  }
  const { categories } = value
  return `${categories.length} categories: ${categories.slice(0, 8).join(', ')}${categories.length > 8 ? ', …' : ''}`
}
