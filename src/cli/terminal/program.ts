import { Command, type ErrorOptions } from 'commander'

/** A command that names a flag it does not know before one that is missing: the one is usually the other, misspelt. */
export class Program extends Command {
  override createCommand(name?: string): Command {
    return new Program(name)
  }

  override error(message: string, options?: ErrorOptions): never {
    if (options?.code === 'commander.missingMandatoryOptionValue') {
      // What was given beside known flags; commander would look at it after the missing ones.
      const flag = this.args.find(given => /^-./.test(given))
      if (flag !== undefined) (this as unknown as { unknownOption(flag: string): void }).unknownOption(flag)
    }
    return super.error(message, options)
  }
}
