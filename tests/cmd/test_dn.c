/* DNs under a base. */
#include <criterion/criterion.h>

#include "cmd_directory.h"

Test(dn, levels)
{
    static const struct {
        const char *dn, *base;
        int levels;
    } rows[] = {
        {"ou=p,dc=x", "ou=p,dc=x", 0},
        {"uid=a,ou=p,dc=x", "ou=p,dc=x", 1},
        {"cn=b,uid=a,ou=p,dc=x", "ou=p,dc=x", 2},
        {"UID=a, OU=P, DC=x", "ou=p,dc=X", 1},
        {"uid=a,ou=p,dc=x", " ou = p , dc=x", 1},
        {"uid=a\\,ou=p,dc=x", "ou=p,dc=x", -1},
        {"uid=a,ou=pp,dc=x", "ou=p,dc=x", -1},
        {"uid=a,ou=q+l=p,dc=x", "l=p+ou=q,dc=x", 1},
        {"uid=a,ou=q+l=p,dc=x", "ou=q,dc=x", -1},
        {"uid=a,ou=q,dc=x", "l=p+ou=q,dc=x", -1},
        {"dc=x", "ou=p,dc=x", -1},
        {"no DN", "ou=p,dc=x", -1},
        {"", "ou=p,dc=x", -1},
        {"uid=a,dc=x", "", -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect_eq(cmd_dn_levels(slice_of(rows[i].dn), slice_of(rows[i].base)), rows[i].levels, "'%s' under '%s': %d", rows[i].dn,
                     rows[i].base, cmd_dn_levels(slice_of(rows[i].dn), slice_of(rows[i].base)));
}
