/**
 * The client of the internal RPC, for Node.
 *
 *     const client = await RpcClient.connect('unix:/run/aurochs.sock')
 *     const { items } = await client.call('recommend', { user: 'ann', limit: 5 }, { timeout: 250 })
 *     client.close()
 */
export type { ErrorCode } from '../../protocol/errors.ts'
export type { MethodName, ParamsInput, Results } from '../../protocol/methods.ts'
export type { KeySource } from '../key-source.ts'
export { ServerError } from '../server-error.ts'
export { ConnectionError, type RpcCallOptions, RpcClient, type RpcClientOptions } from './rpc-client.ts'
