import { z } from 'zod'
import { removeEvents } from '../../events/idle-state.ts'
import { sharedPosition } from '../../recommend/retraining/positions.ts'
import { duration, parseOptions, type Register, text } from '../command.ts'

const Options = z.object({ state: text('a directory'), keep: duration, keepIds: duration })

const notes = `
Only events are removed that each DIRECTORY, a dataset or a model, has (of a model, MODEL.previous too): name all that are in use. An
undo of a removed event has no effect. A running server does the same after each retraining, by serve --retrain --keep.
`

export const register: Register = program => {
  program
    .command('compact')
    .description('remove old events that are part of datasets and models from the state of a server that does not run')
    .argument('<directories...>', 'datasets and models that must have what is removed')
    .requiredOption('--state <directory>', 'where the events are')
    .option('--keep <time>', 'keep events for so long from their arrival', '90d')
    .option('--keep-ids <time>', 'for so long an event that is sent again is known, from its arrival', '30d')
    .addHelpText('after', notes)
    .action((directories: readonly string[], given: unknown) => {
      const { state, ...retention } = parseOptions(Options, given)
      const { events, ids, shown, upTo, newest } = removeEvents(state, retention, journal =>
        sharedPosition(directories, journal),
      )
      const count = (number: number) => number.toLocaleString('en')
      process.stdout.write(
        `${state}: ${count(events)} events removed, ${count(ids)} ids of those removed before, and ${count(shown)} items shown long ago; all that is named has ` +
          `the events up to position ${upTo} of ${newest}\n`,
      )
    })
}
