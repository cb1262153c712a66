import type { Command } from 'commander'

export function addExportCommand(program: Command): void {
  const group = program
    .command('export')
    .summary('write the files that Prometheus runs')
    .description('Writes files for other programs: the same that modelwatch runs itself.')
  group
    .command('rules')
    .description(
      'Writes a Prometheus rule file for each model of DIR: recording rules for drift, and the alerts over them. Thresholds come from the drift block of model.yaml.',
    )
    .argument('[dir]', 'folder with a modelwatch.yaml', '.')
    .option('--out <folder>', 'where to write; DIR/rules when left out')
    .action(async (dir: string, options: { out?: string }) => {
      const { exportRules } = await import('../../app/export-rules.ts')
      for (const file of await exportRules(dir, options.out)) process.stdout.write(`wrote ${file}\n`)
    })
}
