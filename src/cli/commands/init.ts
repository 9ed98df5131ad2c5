import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { initialConfig } from '../../config/init.ts'
import { createFile } from '../../config/write.ts'
import { CommandError, show, type Context, type JsonFlag } from '../command.ts'
import { near } from '../near.ts'
import { jsonOption } from '../options.ts'

interface InitFlags extends JsonFlag {
  readonly upstream: string
  readonly keyEnv?: string
  readonly kind?: 'claude' | 'http' | 'grpc'
  readonly listen?: string
  readonly public?: boolean
}

const examples = `
Examples:
  relay init
  relay init --upstream https://api.anthropic.com --key-env ANTHROPIC_API_KEY`

/** `relay init`. */
export function initCommand(context: Context): Command {
  return new Command('init')
    .description('write a commented config that does what `relay start --upstream` does')
    .argument('[file]', 'where to write it', 'relay.config.yaml')
    .option('--upstream <url>', 'where every call goes', 'https://api.anthropic.com')
    .option('--key-env <name>', 'environment variable with the key to put in (default: the credential of the caller passes)')
    .addOption(
      new Option('--kind <kind>', 'what speaks there (default: claude at api.anthropic.com, grpc behind grpc://, http elsewhere)').choices([
        'claude',
        'http',
        'grpc',
      ]),
    )
    .option('--listen <address>', 'where callers connect (default: 127.0.0.1:8080)')
    .option('--public', 'let other machines reach a key that relay puts in')
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action(async (file: string, flags: InitFlags) => init(file, flags, context))
}

async function init(file: string, { json = false, ...flags }: InitFlags, context: Context): Promise<void> {
  const path = resolve(context.io.cwd, file)
  const text = initialConfig(flags)
  try {
    await createFile(path, text)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw exists(file)
    throw error
  }
  const name = near(path, context.io.cwd)
  const start = name === 'relay.config.yaml' ? 'relay start' : `relay start --config ${name}`
  show(context, { json }, { file: path }, [`wrote ${name}`, `check it:  relay validate ${name}`, `start it:  ${start}`])
}

function exists(file: string): CommandError {
  return new CommandError(1, `${file} exists already and was left as it is; write elsewhere with: relay init other.yaml`)
}
