/** Where the engine tells what happens: a logger of pino, for one. */
export interface PushLog {
  /** Of each decision, campaign and round. Default: not told. */
  debug?(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
