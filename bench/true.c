/*
 * The program that the fork+exec+wait benchmark starts: static, small, ends at once with status 0.
 */
int main(void)
{
    return 0;
}
