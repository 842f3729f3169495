import { z } from 'zod'
import { isMethodName, type MethodName, methods, type ParamsInput } from '../../protocol/methods.ts'
import { parseRpcAddress } from '../../protocol/rpc-address.ts'
import { asGiven } from '../../storage/expectation.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { callServer } from './server-call.ts'

const Options = z.object({ timeout: wholeNumber(1, 3_600_000), key: text('a key or a token').optional() })

const examples = `
Methods:
${Object.entries(methods)
  .map(([name, { summary }]) => `  ${name.padEnd(16)} ${summary}`)
  .join('\n')}

Examples:
  aurochs call 127.0.0.1:9000 swap '{"model": "model2"}'
  aurochs call unix:/run/aurochs.sock recommend_batch '{"users": ["ann", "bob"], "limit": 5}'
`

/** `aurochs call`: one method of a running server, by its internal RPC. */
export const register: Register = program => {
  program
    .command('call')
    .description('call a method of a running server by its internal RPC (serve --rpc) and print the result as JSON')
    .argument('<address>', 'where the server listens, as unix:/run/aurochs.sock or 127.0.0.1:9000')
    .argument('<method>', 'one of those below')
    .argument('[params]', 'a JSON object', '{}')
    .option('--timeout <ms>', 'until when the answer must be there', '30000')
    .option('--key <key>', 'a key or a token, where the server expects one (default: the variable AUROCHS_KEY)')
    .addHelpText('after', examples)
    .action(async (address: string, method: string, params: string, given: unknown) => {
      const { timeout, key } = parseOptions(Options, given)
      assertAddress(address)
      if (!isMethodName(method)) {
        throw new UsageError(`the method must be one of ${Object.keys(methods).join(', ')}, got ${asGiven(method)}`)
      }
      // The server checks them.
      const parsed = parseObject(params) as ParamsInput<MethodName>
      process.stdout.write(`${JSON.stringify(await callServer(address, method, parsed, { key, timeout }))}\n`)
    })
}

function assertAddress(text: string): void {
  try {
    parseRpcAddress(text)
  } catch (error) {
    throw new UsageError(`the address must be that of serve --rpc: ${(error as Error).message}`)
  }
}

function parseObject(text: string): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`the parameters must be a JSON object, got ${asGiven(text)}: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new UsageError(`the parameters must be a JSON object, got ${text}`)
}
