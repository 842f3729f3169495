/** Calls of a running server by its internal RPC. */
import { resolve } from 'node:path'
import { RpcClient } from '../../client/rpc/rpc-client.ts'
import { ServerError } from '../../client/server-error.ts'
import type { MethodName, ParamsInput, Results } from '../../protocol/methods.ts'
import { isRpcAddress } from '../../protocol/rpc-address.ts'
import { mustBe } from '../../storage/expectation.ts'
import { text, UsageError } from '../command.ts'

const address = 'an address such as unix:/run/aurochs.sock or 127.0.0.1:9000'

/** The option that names a server. */
export const rpcAddress = text(address).refine(isRpcAddress, mustBe(address))

export interface ServerCallOptions {
  /** Default: what the variable AUROCHS_KEY holds, if anything. */
  readonly key?: string | undefined
  /** In ms. Default: ten minutes, since to open a large model takes seconds, and to forget a user in it, too. */
  readonly timeout?: number | undefined
}

/** What the method gives. @throws UsageError with what the server refuses. */
export async function callServer<Name extends MethodName>(
  address: string,
  method: Name,
  params: ParamsInput<Name>,
  { key = process.env.AUROCHS_KEY || undefined, timeout = 600_000 }: ServerCallOptions = {},
): Promise<Results[Name]> {
  let client: RpcClient | undefined
  try {
    client = await RpcClient.connect(address, { key })
    return await client.call(method, params, { timeout })
  } catch (error) {
    throw error instanceof ServerError ? new UsageError(`${error.code}: ${error.message}`, 1) : error
  } finally {
    client?.close()
  }
}

/** Has the server serve the model at `directory`; gives the name of its generation. */
export async function swapOn(address: string, directory: string): Promise<string> {
  return (await callServer(address, 'swap', { model: resolve(directory) })).generation
}
