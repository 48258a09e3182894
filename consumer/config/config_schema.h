/* Axigen's own custom schema file (customSchemaFile): an LdapSchema section whose keys, where this program has them too, are
 * values of the connector. It belongs to Axigen, which may put into it what it likes: it is read as it is, and what is not ours
 * is passed over and named in a note. */
#ifndef CONFIG_CONFIG_SCHEMA_H
#define CONFIG_CONFIG_SCHEMA_H

#include "config_tree.h"

/* Texts for the log, "PATH:LINE: text", malloc'ed. */
struct config_notes {
    char **lines;
    size_t n;
};

/* Reads the file that the connector names, if it does, before its values are stored: each shared key that the connector's section
 * does not set itself is put there, as of the line that names the file. The section wins, as it is what was written for
 * this program, while the file is often edited for the other one. Errors of the file go to *errors under its own name, one that
 * can't be read to *problems. */
void config_schema_apply(struct node *connector, struct problems *problems, struct config_errors *errors,
                         struct config_notes *notes);

#endif
