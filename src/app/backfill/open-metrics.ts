import { OpenMetricsFileParser, SeriesSyntaxError } from '../../plane/exposition/index.ts'
import type { BackfillReader, SampleTarget } from './contract.ts'
import { backfillErrors } from './errors.ts'
import type { BackfillInput } from './input.ts'

/**
 * Reads OpenMetrics 1.0 text that ends with `# EOF`, chunk by chunk.
 * @throws MW_BACKFILL_SYNTAX naming file and line, MW_BACKFILL_NO_EOF, and what reading throws. What stands before the fault was read.
 */
export async function* readOpenMetrics(input: BackfillInput, target: SampleTarget): BackfillReader {
  const parser = new OpenMetricsFileParser(target)
  try {
    for await (const chunk of input.text()) {
      parser.push(chunk)
      yield { skippedRows: 0 }
    }
    parser.finish()
  } catch (error) {
    if (!(error instanceof SeriesSyntaxError)) throw error
    throw backfillErrors.MW_BACKFILL_SYNTAX(`${input.name}:${parser.line}: ${error.message}`)
  }
  if (!parser.isAtEnd)
    throw backfillErrors.MW_BACKFILL_NO_EOF(`${input.name} does not end with # EOF; its last line is line ${parser.line}`)
}
