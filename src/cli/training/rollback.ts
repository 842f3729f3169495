import { z } from 'zod'
import { rollBackModel } from '../../models/artifact/published.ts'
import { withLocks } from '../../storage/directory-lock.ts'
import { parseOptions, type Register } from '../command.ts'
import { callServer, rpcAddress, swapOn } from '../server/server-call.ts'

const Options = z.object({ swap: rpcAddress.optional() })

export const register: Register = program => {
  program
    .command('rollback')
    .description('put back the model that `aurochs retrain` replaced; done twice, all is as before')
    .argument('<model>', 'directory of the model')
    .option('--swap <address>', 'then have the server of this internal RPC serve it')
    .action(async (model: string, given: unknown) => {
      const { swap } = parseOptions(Options, given)
      // Nothing is changed where the server cannot be reached.
      if (swap !== undefined) await callServer(swap, 'info', {})
      const { now, before } = await withLocks([model], () => rollBackModel(model))
      process.stdout.write(`${model}: the model ${now} is back, and ${before} is at ${model}.previous\n`)
      if (swap !== undefined) process.stdout.write(`${swap} serves it now, as ${await swapOn(swap, model)}\n`)
      else
        process.stdout.write(
          'a server goes on with the one that it has, unless it was told to --watch: name it by --swap\n',
        )
    })
}
