import { builtInJobs } from '../../../workers/handlers/index.js';
import { jobOf, runJob } from './context.js';

/** Run as a process of its own, with a heap limit: processes the CSV at a URL and writes the result. */
const builtIn = builtInJobs({ network: { allowPrivateNetworks: true } });
const result = await runJob(jobOf(builtIn.jobs, 'data_processing'), { source: { url: process.argv[2] } });
await builtIn.close();
process.stdout.write(JSON.stringify(result));
