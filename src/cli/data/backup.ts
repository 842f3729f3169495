import { z } from 'zod'
import { backUpState } from '../../events/backup.ts'
import { parseOptions, type Register, text } from '../command.ts'

const Options = z.object({ state: text('a directory'), out: text('a directory') })

export const register: Register = program => {
  program
    .command('backup')
    .description('copy the state of a server, which may run meanwhile')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .requiredOption('--out <directory>', 'the copy, which can be served like the state')
    .action(async (given: unknown) => {
      const { state, out } = parseOptions(Options, given)
      await backUpState(state, out)
      process.stdout.write(`${out}: a copy of ${state}\n`)
    })
}
