import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { readVersion } from '../app/package.ts'
import { addBackfillCommand } from './commands/backfill.ts'
import { addExportCommand } from './commands/export.ts'
import { addProfileCommand } from './commands/profile.ts'
import { addQueueCommand } from './commands/queue.ts'
import { addReplayCommand } from './commands/replay.ts'
import { addMonitorCommand, addServeCommand } from './commands/roles.ts'
import { addTrafficCommands } from './commands/traffic.ts'
import { addTsdbCommand } from './commands/tsdb.ts'
import { addUpCommand } from './commands/up.ts'
import { addWorkCommand } from './commands/work.ts'
import { reportError } from './output.ts'

const USAGE_EXIT_CODE = 2

function createProgram(): Command {
  const program = new Command('modelwatch')
    .description('Serves a machine-learning model and watches everything that can go wrong with it.')
    .version(readVersion(), '-v, --version', 'print the version')
    .option('--trace', 'with an error, show where it happened')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .showHelpAfterError('"modelwatch help" lists the commands, "modelwatch help COMMAND" says what one takes.')
    .exitOverride()
    .addHelpText(
      'after',
      `
Begin with:
  modelwatch up examples/weather       a real model, served and watched
  modelwatch help COMMAND              what a command takes

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 a check found something wrong.`,
    )
  addUpCommand(program, fileURLToPath(import.meta.url))
  addServeCommand(program)
  addWorkCommand(program)
  addMonitorCommand(program)
  addProfileCommand(program)
  addReplayCommand(program)
  addTrafficCommands(program)
  addQueueCommand(program)
  addExportCommand(program)
  addBackfillCommand(program)
  addTsdbCommand(program)
  for (const command of program.commands) command.exitOverride()
  return program
}

// The official builds of onnxruntime tell their makers what they run, with names and digests of models, and keep a cache of it with an id of this machine in
// the home folder, unless they are told not to before they are loaded. They look into the environment of the process, which a model's thread cannot change.
process.env.ORT_DISABLE_TELEMETRY ??= '1'

// Whoever reads along may stop reading: `modelwatch help | head` is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const program = createProgram()
try {
  await program.parseAsync()
} catch (error) {
  // Commander has told of its own already; help and version are no errors at all.
  process.exitCode =
    error instanceof CommanderError
      ? error.exitCode === 0
        ? 0
        : USAGE_EXIT_CODE
      : reportError(error, program.opts<{ trace?: boolean }>().trace === true)
}
