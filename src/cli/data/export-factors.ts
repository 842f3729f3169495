import { z } from 'zod'
import { exportFactors, factorFormatNotes, factorFormats } from '../../interchange/factors/export.ts'
import { UnsupportedError } from '../../models/open/capabilities.ts'
import { oneOf } from '../../storage/expectation.ts'
import { parseOptions, type Register, text, UsageError } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'

const Options = z.object({
  out: text('a directory'),
  format: oneOf(factorFormats),
  replace: z.boolean().default(false),
  json: z.boolean().default(false),
})

const notes = `
Formats:
${factorFormats.map(name => `  ${name.padEnd(12)} ${factorFormatNotes[name]}`).join('\n')}

Vectors are 32-bit floats, a row each; user-ids.txt and item-ids.txt have their ids, a line each in the same order.`

/** `aurochs export-factors`: the vectors of a model in files that other programs read. */
export const register: Register = program => {
  program
    .command('export-factors')
    .description('write the vectors of users and items of a model to files that other programs read')
    .argument('<model>', 'directory of a trained model')
    .requiredOption('--out <directory>', 'where the files go')
    .option('--format <name>', `${factorFormats.slice(0, -1).join(', ')} or ${factorFormats.at(-1)}`, 'npy')
    .option('--replace', 'take the place of factors at --out')
    .option('--json', 'print one JSON object: {"users", "items", "factors", "files"}')
    .addHelpText('after', notes)
    .action(run)
}

async function run(model: string, given: unknown): Promise<void> {
  const { out, format, replace, json } = parseOptions(Options, given)
  const exported = await interruptible(signal => exportFactors(model, out, { format, replace, signal })).catch(
    error => {
      throw error instanceof UnsupportedError ? new UsageError(error.message) : error
    },
  )
  const { users, items, factors, files } = exported
  const count = (n: number) => n.toLocaleString('en')
  process.stdout.write(
    json
      ? `${JSON.stringify(exported)}\n`
      : `${out}: vectors of ${count(users)} users and ${count(items)} items, ${factors} factors (${files.join(', ')})\n`,
  )
}
