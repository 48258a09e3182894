#include "cmd.h"
#include "daemon.h"
#include "log.h"

#include <sysexits.h>

int cmd_run(const struct cmd_options *o)
{
    const struct daemon_options options = {
        .config_path = o->config, .version = o->version, .once = o->once, .dry_run = o->dry_run};
    struct config *conf = cmd_config(o);
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    log_set_level((enum log_level)conf->log_level);
    rc = daemon_run(conf, &options);
    config_free(&conf);
    return rc;
}
