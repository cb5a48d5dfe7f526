import { gateway } from '@stoa/gateway';
import { type ConfigRow, describeConfig } from '@stoa/service';
import { loadServices } from '../../apps/server/src/services.ts';
import { serverConfig } from '../../apps/server/src/settings.ts';

interface Section {
  readonly name: string;
  readonly rows: readonly ConfigRow[];
}

const services = await loadServices();

/** Every variable, under the first part that reads it. */
function readSections(): Section[] {
  const seen = new Set<string>();
  const parts = [{ name: 'server', config: serverConfig }, gateway, ...services];
  return parts
    .map(({ name, config }) => ({ name, rows: describeConfig(config).filter(({ variable }) => !seen.has(variable) && seen.add(variable)) }))
    .filter(({ rows }) => rows.length > 0);
}

const cell = (text: string) => text.replaceAll('|', '\\|');

export function configurationTable(): string {
  const sections = readSections().map(({ name, rows }) => {
    const lines = rows.map(({ variable, description, expected, default: standard, secret }) => {
      const value = standard === undefined ? '' : `\`${cell(standard)}\``;
      return `| \`${variable}\` | ${cell(description)}${secret ? ' Secret: never printed.' : ''} | ${cell(expected)} | ${value} |`;
    });
    return `## ${name}\n\n| variable | meaning | expected | default |\n|---|---|---|---|\n${lines.join('\n')}\n`;
  });
  return `# Settings\n\nMade by \`npm run reports\` from the schemas that check them. A flag beats the environment, which beats \`.env\`.\n\n${sections.join('\n')}`;
}

export function environmentExample(): string {
  const sections = readSections().map(({ name, rows }) => {
    const entries = rows.map(({ variable, description, expected, default: standard = '' }) => {
      const about = expected === 'text' ? description : `${description} Expected: ${expected}.`;
      return `# ${about}\n# ${variable}=${standard}\n`;
    });
    return `## ${name}\n\n${entries.join('\n')}`;
  });
  return `# Copy to .env and change what you need; what is commented out has the default shown.\n# Made by \`npm run reports\`.\n\n${sections.join('\n')}`;
}
