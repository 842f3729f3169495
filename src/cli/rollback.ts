import { z } from 'zod'
import { rollBackModel } from '../models/published.ts'
import { withLocks } from '../storage/directory-lock.ts'
import { parseOptions, type Register } from './command.ts'
import { rpcAddress, swapOn } from './server-call.ts'

const Options = z.object({ swap: rpcAddress.optional() })

export const register: Register = program => {
  program
    .command('rollback')
    .description('put back the model that `aurochs retrain` replaced; done twice, all is as before')
    .argument('<model>', 'directory of the model')
    .option('--swap <address>', 'then have the server of this internal RPC serve it')
    .action(async (model: string, given: unknown) => {
      const { swap } = parseOptions(Options, given)
      await withLocks([model], () => rollBackModel(model))
      process.stdout.write(`${model}: the former model is back, and the newer one at ${model}.previous\n`)
      if (swap !== undefined) process.stdout.write(`${swap} serves it now, as ${await swapOn(swap, model)}\n`)
    })
}
